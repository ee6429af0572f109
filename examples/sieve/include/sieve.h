#ifndef SIEVE_H
#define SIEVE_H

#include <stddef.h>

/* Fills `composite` (limit + 1 flags, all 0) so that composite[n] is 0 exactly for the primes n >= 2. */
void sieve_mark(unsigned char *composite, size_t limit);

/* Counts the primes up to and including `limit`. */
size_t sieve_count(const unsigned char *composite, size_t limit);

#endif
