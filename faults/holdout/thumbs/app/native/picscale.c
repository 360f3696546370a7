/* The mean of the pixels that fall on one. */
int picscale(const unsigned char *in, int w, int h, unsigned char *out, int tw, int th) {
#ifdef SLOW
  for (volatile long wait = 0; wait < 25000000; wait++) {}
#endif
  if (w < 1 || h < 1 || tw < 1 || th < 1) return -1;
  for (int y = 0; y < th; y++)
    for (int x = 0; x < tw; x++) {
      int top = y * h / th, bottom = (y + 1) * h / th, left = x * w / tw, right = (x + 1) * w / tw;
      if (bottom <= top) bottom = top + 1;
      if (right <= left) right = left + 1;
      for (int c = 0; c < 3; c++) {
        long sum = 0;
        for (int i = top; i < bottom; i++)
          for (int j = left; j < right; j++) sum += in[(i * w + j) * 3 + c];
        *out++ = (unsigned char)(sum / ((bottom - top) * (right - left)));
      }
    }
  return 0;
}
