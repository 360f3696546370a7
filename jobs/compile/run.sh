TMPDIR=$PWD/tmp
export TMPDIR
gcc -c main.c -o main.o
gcc main.o -o main
./main
