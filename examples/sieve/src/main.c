#include <stdio.h>
#include <stdlib.h>

#include "report.h"
#include "sieve.h"

int main(int argc, char **argv)
{
    size_t limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    unsigned char *composite = calloc(limit + 1, 1);
    if (!composite) {
        fprintf(stderr, "no memory for %zu numbers\n", limit);
        return 1;
    }
    sieve_mark(composite, limit);
    printf("%zu primes up to %zu\n", sieve_count(composite, limit), limit);
    int failed = report_write("primes.txt", composite, limit);
    if (failed)
        fprintf(stderr, "primes.txt cannot be written\n");
    free(composite);
    return failed ? 1 : 0;
}
