#!/usr/bin/perl
# What to fetch, drop and check: plan.pl HAVE PACKAGES FOLDER
use strict;
use warnings;

my ($have, $packages, $folder) = @ARGV;
my (%held, %wanted);
if (open my $in, '<', $have) {
    while (<$in>) {
        chomp;
        my ($path, $sum) = split /\t/;
        $held{$path} = $sum;
    }
} else {
    warn "$have: $!: everything is fetched\n";
}
{
    local $/ = "";
    open my $in, '<', $packages or die "$packages: $!\n";
    while (<$in>) {
        my ($path) = /^Filename: (.+)$/m or die "a package without a file\n";
        my ($sum) = /^SHA256: (\w{64})$/m or die "$path: no sum\n";
        $wanted{$path} = $sum;
    }
}
die "the index is empty\n" unless %wanted;

sub list {
    my ($name, @lines) = @_;
    open my $out, '>', "$folder/$name" or die "$folder/$name: $!\n";
    print $out "$_\n" for @lines;
    close $out or die "$folder/$name: $!\n";
}
my @paths = sort keys %wanted;
list("fetch", map { "$_ $wanted{$_}" } grep { ($held{$_} // "") ne $wanted{$_} } @paths);
list("drop", grep { !$wanted{$_} } sort keys %held);
list("sums", map { "$wanted{$_}  $_" } @paths);
list("have.tsv", map { "$_\t$wanted{$_}" } @paths);
