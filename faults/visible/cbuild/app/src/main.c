#include <stdio.h>
#include <stdlib.h>
#include "part.h"
int version(void);
int main(int argc, char **argv)
{
    FILE *cases = fopen(argv[1], "r");
    if (!cases) {
        perror(argv[1]);
        return 3;
    }
    int x, count = 0;
    long sum = 0;
    while (fscanf(cases, "%d", &x) == 1) {
        sum += part_0(x) + part_1(x) + part_2(x) + part_3(x);
        count++;
    }
    printf("util %d: %d cases, sum %ld\n", version(), count, sum);
    return argc == 2 && count > 0 ? 0 : 1;
}
