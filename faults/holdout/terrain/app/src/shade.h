/* Hill shading of square sheets of heights. */
enum { SIDE = 256, TILE = 64 };

/* Brightness of the tile whose corner is (left, top). */
void shade_tile(const short *heights, int left, int top, int azimuth, unsigned char *pixels);
