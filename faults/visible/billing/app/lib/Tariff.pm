package Tariff;
# Prices of the zones, with the longest prefix first.
use strict;
use warnings;
use Text::ParseWords ();

our $VERSION = '3.2';

sub load {
    my ($class, $path) = @_;
    open my $file, '<', $path or die "tariff $path: $!\n";
    my %price;
    while (my $line = <$file>) {
        chomp $line;
        next if $line =~ /^#/;
        my ($prefix, $zone, $cents) = Text::ParseWords::quotewords(',', 0, $line);
        $price{$prefix} = [$zone, $cents];
    }
    return bless { price => \%price }, $class;
}

sub rate {
    my ($self, $number, $seconds) = @_;
    for my $length (reverse 2 .. 5) {
        my $found = $self->{price}{ substr $number, 0, $length } or next;
        return ($found->[0], $found->[1] * $seconds / 6000);
    }
    return ('unknown', 0);
}

1;
