#!/usr/bin/perl
# Tells the cache which tiles are new, and counts them: purge.pl CONFIG LIST
use strict;
use warnings;
use IO::Socket::INET;

my ($config, $list) = @ARGV;
my %set;
open my $in, '<', $config or die "$config: $!\n";
while (<$in>) {
    $set{$1} = $2 if /^(\w+) = (\S+)/;
}
my $stats = IO::Socket::INET->new(PeerAddr => $set{stats}, Proto => 'udp') or die "$set{stats}: $@\n";
my $cache;
for my $try (1 .. 3) {
    $cache = IO::Socket::INET->new(PeerAddr => $set{cache}, Timeout => 2) and last;
    warn "$set{cache}: $@\n";
    select undef, undef, undef, 0.1;
}
die "no cache\n" unless $cache;
open my $names, '<', $list or die "$list: $!\n";
my $purged = 0;
while (my $name = <$names>) {
    chomp $name;
    $cache->print("PURGE $name\n");
    my $answer = <$cache> // die "the cache hangs up\n";
    $answer =~ /^OK/ ? $purged++ : warn "$name: $answer";
    $stats->send("tiles.purged:$purged|g") if $. % 20 == 0;
}
$cache->print("QUIT\n");
$stats->send("tiles.purged:$purged|g");
