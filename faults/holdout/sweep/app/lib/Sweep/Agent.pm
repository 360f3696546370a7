package Sweep::Agent;
# Talks to the agent of a host.
use strict;
use warnings;
use IO::Socket::INET;

our $VERSION = '1.14';

sub new {
    my ($class, $name, $port) = @_;
    my $socket = IO::Socket::INET->new(PeerHost => $name, PeerPort => $port, Timeout => 3) or return;
    $socket->autoflush(1);
    print {$socket} "HELLO sweep $VERSION\n";
    my $hello = <$socket>;
    return bless { socket => $socket, name => $name }, $class;
}

# A value, or several lines up to a dot.
sub ask {
    my ($self, $what) = @_;
    print { $self->{socket} } "GET $what\n";
    my $line = readline $self->{socket};
    if (!defined $line || $line =~ /^ERR/) {
        warn "$self->{name}: no $what\n";
        return;
    }
    my @lines;
    while (defined(my $more = readline $self->{socket})) {
        last if $more eq ".\n";
        push @lines, $more;
    }
    return $line =~ /^OK (\S+)/ && $1 ne 'list' ? $1 : scalar @lines;
}

1;
