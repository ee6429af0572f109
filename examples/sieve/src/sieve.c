#include "sieve.h"

void sieve_mark(unsigned char *composite, size_t limit)
{
    for (size_t n = 2; n * n <= limit; n++) {
        if (composite[n])
            continue;
        for (size_t multiple = n * n; multiple <= limit; multiple += n)
            composite[multiple] = 1;
    }
}

size_t sieve_count(const unsigned char *composite, size_t limit)
{
    size_t count = 0;
    for (size_t n = 2; n <= limit; n++)
        count += !composite[n];
    return count;
}
