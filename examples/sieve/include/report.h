#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>

/* Writes every prime up to `limit`, one a line. Returns 0, or -1 when the file cannot be written. */
int report_write(const char *path, const unsigned char *composite, size_t limit);

#endif
