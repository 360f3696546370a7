/* Lines of readings. */
struct reading { char meter[16], zone[8]; int hour; long wh; };
int reading_parse(const char *line, struct reading *reading);
