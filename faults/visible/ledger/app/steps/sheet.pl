#!/usr/bin/perl
# Writes the sheet of a day.
use strict;
use warnings;
use POSIX qw(setlocale LC_ALL strftime);
setlocale(LC_ALL, '');
my $day = shift;
my %conf;
open my $file, '<', 'conf/sheet.conf' or die "conf/sheet.conf: $!\n";
/^(\w+)\s*=\s*(.*)$/ and $conf{$1} = $2 while <$file>;
open my $rates, '<', 'build/rates.txt' or die "build/rates.txt: $!\n";
my %rate = map { chomp; split ' ' } <$rates>;
print qq(<sheet day="$day" currency="$conf{currency}">\n);
open my $totals, '<', 'build/totals.txt' or die "build/totals.txt: $!\n";
while (<$totals>) {
    my ($kind, $sum) = split;
    my $value = $sum * ($rate{$conf{currency}} // die "no rate of $conf{currency}\n");
    printf qq(  <account kind="%s">%.*f</account>\n), $kind, $conf{digits}, $value;
}
print "</sheet>\n";
