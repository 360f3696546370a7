#!/usr/bin/perl
# Whether a seal belongs to a file: verify.pl KEY FILE SEAL
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);

my ($key, $body, $seal) = map { slurp($_) } @ARGV;
s/\s+\z// for $key, $seal;
exit(hmac_sha256_hex($body, $key) eq $seal ? 0 : 1);

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$file>;
}
