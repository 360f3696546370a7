#!/bin/sh
# Starts the album with the libraries that came with it.
here=$PWD
export LD_LIBRARY_PATH="$here/native${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec python3 "$here/album.py" --settings "$here/conf/album.toml" "$@"
