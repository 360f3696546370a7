#include "shade.h"
#include <math.h>

static double at(const short *heights, int x, int y)
{
    x = x < 0 ? 0 : x >= SIDE ? SIDE - 1 : x;
    y = y < 0 ? 0 : y >= SIDE ? SIDE - 1 : y;
    return heights[y * SIDE + x];
}

void shade_tile(const short *heights, int left, int top, int azimuth, unsigned char *pixels)
{
    double sun = azimuth * M_PI / 180;
    for (int y = 0; y < TILE; y++)
        for (int x = 0; x < TILE; x++) {
            double dx = at(heights, left + x + 1, top + y) - at(heights, left + x - 1, top + y);
            double dy = at(heights, left + x, top + y + 1) - at(heights, left + x, top + y - 1);
            double slope = atan(sqrt(dx * dx + dy * dy) / 60), aspect = atan2(dy, -dx);
            double light = 0.7 * cos(slope) + 0.7 * sin(slope) * cos(sun - aspect);
            pixels[y * TILE + x] = light <= 0 ? 0 : light >= 1 ? 255 : (unsigned char)(light * 255);
        }
}
