/* Rules about one payment. */
struct payment { unsigned card, shop, cents, second; };
int rules_load(const char *deny);
double rules_judge(const struct payment *one, unsigned seen, const float *weights);
