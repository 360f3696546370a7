/* Prices the readings of a part: settle ZONES PART */
#include "reader.h"
#include "tariff.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hours seen, by a hash of meter and hour: a reading that comes twice counts once. */
#define SLOTS (1 << 21)

int main(int count, char **words)
{
    unsigned *seen = malloc(SLOTS * sizeof *seen);
    struct tariff *tariff;
    FILE *file;
    char line[256];
    long number = 0;

    if (count != 3) {
        fprintf(stderr, "usage: settle ZONES PART\n");
        return 2;
    }
    if (!seen) {
        perror("settle: table of hours");
        return 4;
    }
    memset(seen, 0, SLOTS / 16 * sizeof *seen);
    if (!(tariff = tariff_read(words[1])))
        return 5;
    if (!(file = fopen(words[2], "r"))) {
        perror(words[2]);
        return 6;
    }
    while (fgets(line, sizeof line, file)) {
        struct reading reading;
        unsigned hash = 2166136261u;
        number++;
        if (!reading_parse(line, &reading)) {
            fprintf(stderr, "%s: line %ld is not a reading\n", words[2], number);
            return 3;
        }
        for (const char *at = reading.meter; *at; at++)
            hash = (hash ^ (unsigned char)*at) * 16777619u;
        hash = (hash ^ (unsigned)reading.hour) * 16777619u;
        if (seen[hash % (SLOTS / 16)] == hash)
            continue;
        seen[hash % (SLOTS / 16)] = hash;
        const struct zone *zone = tariff_zone(tariff, reading.zone);
        printf("%s;%s;%d;%ld;%.0f\n", reading.meter, reading.zone, reading.hour, reading.wh,
               tariff_cents(zone, reading.hour, reading.wh));
    }
    fclose(file);
    free(seen);
    return 0;
}
