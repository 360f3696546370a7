#!/usr/bin/perl
# Writes letters: render.pl TEMPLATES DAY; reads lines of fields, writes letters ended by a dot.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Letter;
use POSIX qw(setlocale LC_ALL);

setlocale(LC_ALL, "");
my ($folder, $day) = @ARGV;
open(my $pid, ">", "var/render.pid") or die "var/render.pid: $!\n";
print $pid "$$\n";
close $pid;
my $letter = Letter->new($folder, $day);
$| = 1;
while (my $line = <STDIN>) {
    chomp $line;
    print $letter->write(split /\t/, $line), ".\n";
}
unlink "var/render.pid";
