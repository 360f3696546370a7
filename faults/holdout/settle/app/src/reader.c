#include "reader.h"
#include <stdio.h>

int reading_parse(const char *line, struct reading *reading)
{
    return sscanf(line, "%15[^;];%7[^;];%d;%ld", reading->meter, reading->zone, &reading->hour, &reading->wh) == 4;
}
