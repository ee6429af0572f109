#include "report.h"

#include <stdio.h>

int report_write(const char *path, const unsigned char *composite, size_t limit)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return -1;
    for (size_t n = 2; n <= limit; n++)
        if (!composite[n])
            fprintf(out, "%zu\n", n);
    return fclose(out) == 0 ? 0 : -1;
}
