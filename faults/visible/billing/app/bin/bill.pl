#!/usr/bin/perl
# Rates the calls of a day: bill.pl --day DAY --config FILE [--dry-run]
use strict;
use warnings;
use Fcntl qw(:flock);
use FindBin;
use Getopt::Long;
use IO::Socket::INET;
use POSIX qw(strftime);
use lib "$FindBin::Bin/../lib";
use Tariff;

GetOptions('day=s' => \my $day, 'config=s' => \my $config, 'dry-run' => \my $dry) or exit 64;
my %set = settings($config);
my $lock = take_lock('var/bill.lock');
my $tariff = Tariff->load('etc/tariff.csv');
my %country = customers('data/customers.csv');
my %tax = taxes();
rate_all();
run("sort -t';' -k1,1 var/rated-$day.csv | awk -f lib/sum.awk > var/totals-$day.csv");
exit 0 if $dry;
my $letters = letters();
seal();
say_done($letters);

sub settings {
    my ($path) = @_;
    open my $file, '<', $path or die "settings $path: $!\n";
    return map { /^(\w+)\s*=\s*(.*?)\s*$/ ? ($1, $2) : () } <$file>;
}

sub take_lock {
    my ($path) = @_;
    open my $file, '>>', $path or die "lock $path: $!\n";
    local $SIG{ALRM} = sub { die "another run holds $path\n" };
    alarm $set{lock_wait};
    flock $file, LOCK_EX or die "lock $path: $!\n";
    alarm 0;
    return $file;
}

sub customers {
    my ($path) = @_;
    open my $file, '<', $path or die "customers $path: $!\n";
    return map { chomp; my ($number, $country) = split /;/; ($number => $country) } <$file>;
}

# One question for each country, over one connection.
sub taxes {
    my $peer = IO::Socket::INET->new(PeerHost => $set{tax_host}, PeerPort => $set{tax_port}, Timeout => 5)
        or die "tax service $set{tax_host}: $@\n";
    my (%seen, %rate);
    for my $country (sort grep { !$seen{$_}++ } values %country) {
        print {$peer} "RATE $country\n";
        my $answer = <$peer>;
        defined $answer && $answer =~ /^OK (\d+)/ or die "tax service: no rate for $country\n";
        $rate{$country} = $1;
    }
    return %rate;
}

sub rate_all {
    open my $out, '>', "var/rated-$day.csv" or die "rated: $!\n";
    my @records = glob "data/cdr/$day/*.csv" or die "no call records of $day\n";
    my ($calls, $bad) = (0, 0);
    for my $path (@records) {
        open my $in, '<', $path or do { warn "cannot read $path: $!\n"; $bad++; next };
        while (my $line = <$in>) {
            chomp $line;
            my ($customer, $number, $seconds) = split /;/, $line;
            my ($zone, $price) = $tariff->rate($number, $seconds);
            print {$out} join(';', $customer, $zone, $seconds, substr($number, 0, 4), sprintf '%.4f', $price), "\n"
                or die "rated: $!\n";
            $calls++;
        }
    }
    close $out or die "rated: $!\n";
    note("$calls calls of " . @records . " files");
    return;
}

sub letters {
    dot_lock("$set{mailbox}.lock");
    open my $totals, '<', "var/totals-$day.csv" or die "totals: $!\n";
    open my $box, '>>', $set{mailbox} or die "mailbox $set{mailbox}: $!\n";
    mkdir "out/$day";
    my $count = 0;
    while (my $line = <$totals>) {
        chomp $line;
        my ($customer, $calls, $seconds, $sum) = split /;/, $line;
        next if $sum < $set{minimum};
        my $full = $sum * (100 + $tax{ $country{$customer} // 'XX' } // 0) / 100;
        open my $letter, '>', "out/$day/bill-$customer.txt" or die "letter: $!\n";
        printf {$letter} "Customer %s\n%d calls, %d seconds\nTo pay: %.2f\n", $customer, $calls, $seconds, $full;
        printf {$box} "From billing %s\nSubject: your bill\n\nTo pay: %.2f\n\n%s\n", strftime('%c', localtime), $full, '-' x 60
            or die "mailbox $set{mailbox}: $!\n";
        $count++;
    }
    close $box or die "mailbox $set{mailbox}: $!\n";
    unlink "$set{mailbox}.lock";
    return $count;
}

# The old way of mailboxes: who creates the file has the lock; an old lock is broken after a while.
sub dot_lock {
    my ($path) = @_;
    for (1 .. 12) {
        return if sysopen my $file, $path, Fcntl::O_CREAT | Fcntl::O_EXCL | Fcntl::O_WRONLY;
        select undef, undef, undef, 0.15;
    }
    note("breaks the lock $path");
    unlink $path;
    return;
}

sub seal {
    run("tar -cf var/bills-$day.tar -C out $day");
    run("openssl enc -aes-256-cbc -pbkdf2 -iter 2000 -salt -pass file:$set{seal_key} -in var/bills-$day.tar -out out/bills-$day.tar.enc");
    unlink "var/bills-$day.tar";
    return;
}

sub run {
    my ($line) = @_;
    system('sh', '-c', $line) == 0 or die "failed ($?): $line\n";
    return;
}

sub note {
    my ($text) = @_;
    open my $log, '>>', 'var/bill.log' or die "log: $!\n";
    print {$log} strftime('%F %T', localtime), " $text\n";
    return;
}

sub say_done {
    my ($count) = @_;
    note("$count letters");
    print "$day: $count letters\n";
    return;
}
