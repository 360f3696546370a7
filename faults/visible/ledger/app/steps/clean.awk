BEGIN { FS = ";" }
NF == 3 && $2 > 0 { print $1, $2, $3, branch }
