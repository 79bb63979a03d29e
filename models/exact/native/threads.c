#include "threads.h"

typedef struct {
    void (*work)(void *, int, int);
    void *context;
    volatile long next;
    int items;
} Items;

#ifdef _WIN32
#include <windows.h>
#define NEXT(items) (InterlockedIncrement(&(items)->next) - 1)
void say_step(Step *step, long value) { InterlockedExchange(step, value); }
static long step_of(Step *step) { return InterlockedCompareExchange(step, 0, 0); }
#else
#define NEXT(items) __sync_fetch_and_add(&(items)->next, 1)
void say_step(Step *step, long value) { __atomic_store_n(step, value, __ATOMIC_RELEASE); }
static long step_of(Step *step) { return __atomic_load_n(step, __ATOMIC_ACQUIRE); }
#endif

#define TRIES 4096 /* about as long as it takes another thread to come so far, where each has a core */

void wait_for_step(Step *step, long value) {
    for (int tries = 0; step_of(step) != value; tries++)
        if (tries > TRIES) let_others_run();
}

static void take_items(void *context, int worker, int workers) {
    Items *items = context;
    (void)workers;
    for (long item = NEXT(items); item < items->items; item = NEXT(items)) items->work(items->context, worker, (int)item);
}

void in_parallel(int threads, int items, void (*work)(void *, int, int), void *context) {
    Items all = {work, context, 0, items};
    on_threads(threads < items ? threads : items, take_items, &all);
}

void in_step(int threads, void (*work)(void *, int, int), void *context) { on_threads(threads, work, context); }
