# Delivers the queue: worker.pl CONFIG DAY
use strict;
use warnings;
use IO::Socket::INET;
use IO::Handle;
use File::Temp qw(tempfile);
use Fcntl qw(:flock);

my ($config, $day) = @ARGV;
my %set;
open(my $in, '<', $config) or die "$config: $!\n";
while (<$in>) { chomp; my ($key, $value) = split /=/, $_, 2; $set{$key} = $value; }
open(my $log, '>>', "var/mail-$day.log") or die "log: $!\n";
$log->autoflush(1);
open(my $lock, '>', 'var/worker.lock') or die "lock: $!\n";
flock($lock, LOCK_EX);
my %blocked;
if (open(my $list, '<', $set{blocked})) { while (<$list>) { chomp; $blocked{$_} = 1; } }
else { print $log "no block list: $!\n"; }

sub deliver {
    my ($to, $text) = @_;
    my $peer = IO::Socket::INET->new(PeerAddr => $set{relay}, PeerPort => $set{port}, Timeout => 3)
        or do { print $log "relay: $@\n"; return 0; };
    my $hello = <$peer> // '';
    return 0 unless $hello =~ /^220/;
    for my $line ("HELO shop", "MAIL FROM:<shop\@example.com>", "RCPT TO:<$to>", "DATA") {
        print $peer "$line\r\n";
        my $answer = <$peer> // '';
        return 0 unless $answer =~ /^[23]/;
    }
    print $peer $text, ".\r\n";
    my $answer = <$peer> // '';
    print $peer "QUIT\r\n";
    <$peer>;
    print $log "$to: $answer" unless $answer =~ /^250/;
    return $answer =~ /^250/ ? 1 : $answer =~ /^5/ ? -1 : 0;
}

my ($sent, $failed) = (0, 0);
for my $message (sort glob 'queue/new/*') {
    my ($name) = $message =~ m{([^/]+)$};
    open(my $file, '<', $message) or do { print $log "$message: $!\n"; $failed++; next; };
    my $text = do { local $/; <$file> };
    my ($to) = $text =~ /^to: (\S+)/m;
    unless ($to) { rename $message, "queue/bad/$name"; print $log "$name: no recipient\n"; $failed++; next; }
    next if $blocked{$to};
    my $footer = '';
    if (open(my $part, '<', $set{footer})) { local $/; $footer = <$part>; }
    my ($copy, $path) = tempfile('mailXXXXXXXX', TMPDIR => 1);
    print $copy $text, $footer or print $log "copy: $!\n";
    $copy->flush;
    $copy->sync if $set{sync};
    if ($set{filter}) { system("$set{filter} $path") == 0 or print $log "filter: $?\n"; }
    my $done = 0;
    for my $try (1 .. $set{tries}) {
        $done = deliver($to, $text . $footer);
        last if $done;
        print $log "$name: try $try\n";
        select(undef, undef, undef, 0.04);
    }
    unlink $path;
    if ($done > 0) { rename $message, "queue/done/$name" or print $log "$name: $!\n"; $sent++; } else { $failed++; }
}
print $log "sent $sent, failed $failed\n";
exit($sent ? 0 : 1);
