# Three lines of known length.
printf 'pear\napple\nfig\n' >in
