/* Prices of zones. */
#ifndef TARIFF_H
#define TARIFF_H

struct zone { char name[8]; double day, night; };
struct tariff { struct zone *zones; int count, room; };

struct tariff *tariff_read(const char *path);
const struct zone *tariff_zone(const struct tariff *tariff, const char *name);
double tariff_cents(const struct zone *zone, int hour, long wh);

#endif
