/* Weights of a model, and cards that are never let through. */
#include <math.h>
#include <stdio.h>
#include "rules.h"

#ifndef NIGHT
#define NIGHT 21600
#endif

static unsigned denied[4096];
static int count;

int rules_load(const char *deny)
{
    FILE *file = fopen(deny, "r");
    if (!file)
        return -1;
    while (count < 4096 && fscanf(file, "%u", &denied[count]) == 1)
        count++;
    fclose(file);
    return count;
}

double rules_judge(const struct payment *one, unsigned seen, const float *weights)
{
    for (int i = 0; i < count; i++)
        if (denied[i] == one->card)
            return 1;
    double sum = weights[one->shop % 1024] + one->cents / 90000.0 + 0.4 * seen + (one->second < NIGHT ? 0.6 : 0);
    return 1 / (1 + exp(2.2 - sum));
}
