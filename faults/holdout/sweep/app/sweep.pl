#!/usr/bin/perl
# Looks at all hosts of the fleet: sweep.pl --day=DAY --fleet=FILE [--only=GROUP]
use strict;
use warnings;
use Fcntl qw(:flock);
use FindBin;
use Getopt::Long;
use POSIX qw(:sys_wait_h strftime);
use lib "$FindBin::Bin/lib";
use Sweep::Agent;

my $children = 4;
GetOptions('day=s' => \my $day, 'fleet=s' => \my $fleet, 'only=s' => \my $only, 'children=i' => \$children) or exit 64;
open my $lock, '>>', 'var/sweep.lock' or die "lock: $!\n";
flock $lock, LOCK_EX or die "lock: $!\n";

my @hosts = hosts($fleet);
my (%running, $bad);
for my $host (@hosts) {
    reap() while keys %running >= $children;
    my $pid = fork // die "fork: $!\n";
    exit look($host) if !$pid;
    $running{$pid} = $host->[0];
}
reap() while %running;
send_figures();
system('sh', 'bin/summary.sh', $day) == 0 or $bad++;
print scalar(@hosts), ' hosts, ', $bad // 0, " bad\n";
exit($bad ? 1 : 0);

sub hosts {
    my ($path) = @_;
    open my $file, '<', $path or die "fleet $path: $!\n";
    my @found = map { [split] } grep { /^\w/ } <$file>;
    return grep { !$only || $_->[1] eq $only } @found;
}

sub reap {
    my $pid = wait;
    my $name = delete $running{$pid} // return;
    return if !$?;
    warn "$name: status $?\n";
    $bad++;
    return;
}

# In a child of its own.
sub look {
    my ($host) = @_;
    my ($name, $group) = @$host;
    my $agent = Sweep::Agent->new($name, 18261) or do {
        warn "$name: $@\n";
        system('sh', 'bin/alert', $name, 'unreachable');
        return 2;
    };
    my $new = "state/.$name.$$";
    open my $state, '>', $new or do { warn "$new: $!\n"; return 3 };
    my %value = map { $_ => $agent->ask($_) } qw(load disk queue age certificate packages);
    print {$state} "$_=" . ($value{$_} // '') . "\n" for sort keys %value;
    close $state or do { warn "$new: $!\n"; return 3 };
    rename $new, "state/$name" or do { warn "state of $name: $!\n"; return 3 };
    open my $history, '>>', "history/$name.csv" or do { warn "history of $name: $!\n"; return 4 };
    print {$history} join(',', strftime('%FT%T', localtime), map { $value{$_} // '' } qw(load disk queue age)), "\n";
    close $history or do { warn "history of $name: $!\n"; return 4 };
    my $status = 0;
    for my $plugin (plugins($group)) {
        my $said = qx(sh $plugin state/$name);
        next if $? == 0;
        chomp $said;
        system('sh', 'bin/alert', $name, $said);
        $status = 1 if $? >> 8 > 1;
    }
    return $status;
}

sub plugins {
    my ($group) = @_;
    return grep { -e } ('plugins/limits.sh', "plugins/$group.sh");
}

sub send_figures {
    my $body = "var/figures.$$";
    open my $out, '>', $body or die "figures: $!\n";
    for my $path (sort glob 'state/*') {
        open my $in, '<', $path or next;
        my ($name) = $path =~ m{([^/]+)$};
        while (<$in>) { chomp; print {$out} "fleet.$name.$_\n" if /^(?:load|disk|queue)=[\d.]/ }
    }
    close $out or die "figures: $!\n";
    system('curl', '-sS', '-f', '-m', '5', '--data-binary', "\@$body", "http://127.0.0.1:18262/write?day=$day") == 0 or $bad++;
    unlink $body;
    return;
}
