package Letter;
use strict;
use warnings;
use Text::Wrap qw(wrap);

our $VERSION = '2.5';

sub new {
    my ($class, $folder, $day) = @_;
    my %parts;
    for my $name (qw(first second third terms)) {
        open(my $file, "<", "$folder/$name.txt") or die "$folder/$name.txt: $!\n";
        local $/;
        $parts{$name} = <$file> // '';
    }
    return bless { parts => \%parts, day => $day }, $class;
}

sub money { my $text = sprintf("%.2f", shift); 1 while $text =~ s/^(\d+)(\d{3})/$1,$2/; return $text }

sub write {
    my ($self, $level, $name, $number, $amount, $due, $late, $sum) = @_;
    my $text = $self->{parts}{ (qw(first second third))[ $level - 1 ] } . $self->{parts}{terms};
    my %values = (name => $name, number => $number, amount => money($amount), due => $due, late => $late, sum => money($sum), day => $self->{day});
    $text =~ s{\[(\w+)\]}{$values{$1} // ''}ge;
    return join("\n", map { wrap('', '', $_) } split /\n/, $text) . "\n";
}

1;
