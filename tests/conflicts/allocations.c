/* Preloaded, it calls `shall_fail` at each allocation of one library. */

#include <stddef.h>
#include <stdint.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);

/* The code of the library, and the callback. */
uintptr_t watched_begin, watched_end;
int (*shall_fail)(void);

static int fails(void *caller) {
    uintptr_t at = (uintptr_t)caller;
    return shall_fail && watched_begin <= at && at < watched_end && shall_fail();
}

void *malloc(size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(pointer, size);
}
