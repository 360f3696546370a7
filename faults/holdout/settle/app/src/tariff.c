/* Reads the table of zones and prices hours. */
#include "tariff.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tariff *tariff_read(const char *path)
{
    FILE *file = fopen(path, "r");
    struct tariff *tariff = calloc(1, sizeof *tariff);
    char line[256];

    if (!file) {
        perror(path);
        return NULL;
    }
    tariff->room = 64;
    tariff->zones = calloc(tariff->room, sizeof *tariff->zones);
    while (tariff->count < tariff->room && fgets(line, sizeof line, file)) {
        struct zone *zone = &tariff->zones[tariff->count];
        if (sscanf(line, "%7s %lf %lf", zone->name, &zone->day, &zone->night) == 3)
            tariff->count++;
    }
    fclose(file);
    return tariff;
}

const struct zone *tariff_zone(const struct tariff *tariff, const char *name)
{
    for (int index = 0; index < tariff->count; index++)
        if (strcmp(tariff->zones[index].name, name) == 0)
            return &tariff->zones[index];
    return NULL;
}

double tariff_cents(const struct zone *zone, int hour, long wh)
{
    return wh / 1000.0 * (hour >= 6 && hour < 22 ? zone->day : zone->night);
}
