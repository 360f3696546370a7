# Weighs the lines of an item: weigh.pl ITEM WEIGHTS NAME
use strict;
use warnings;
my ($item, $weights, $name) = @ARGV;
my %weight;
open(my $table, '<', $weights) or warn "no weights: $!\n";
while ($table && defined(my $line = <$table>)) {
    my ($letter, $value) = split ' ', $line;
    $weight{$letter} = $value;
}
open(my $file, '<', $item) or die "$item: $!\n";
my %total;
while (my $line = <$file>) {
    my ($number, $letter) = split ' ', $line;
    die "$item: bad line $.\n" unless defined $letter;
    $total{$letter} += hex($number) % 1000 * ($weight{$letter} // 1);
}
print "$_ $name $total{$_}\n" for sort keys %total;
