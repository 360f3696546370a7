#!/bin/sh
# Nightly build: build.sh DAY
exec 9> build.lock
flock 9
make ${JOBS:--j2} all DAY="$1" > "build-$1.log" 2>&1
status=$?
if [ $status = 0 ]; then
    make -s check >> "build-$1.log" 2>&1
    status=$?
fi
tail -n 3 "build-$1.log"
exit $status
