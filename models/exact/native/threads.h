/* Work shared by a few threads for as long as a call takes. */
#ifndef SELFVAE_THREADS_H
#define SELFVAE_THREADS_H

#include "helpers.h" /* MOST_THREADS */

/* Calls work(context, worker, item) for every item; worker < threads numbers the one that does it. */
void in_parallel(int threads, int items, void (*work)(void *context, int worker, int item), void *context);

/* Calls work(context, worker, workers) on so many threads, or as many as are to be had, all at the same time. */
void in_step(int threads, void (*work)(void *context, int worker, int workers), void *context);

/* How far such a thread has come, for others that wait until it has. What it wrote before is there then. */
typedef volatile long Step;
void say_step(Step *step, long value);
void wait_for_step(Step *step, long value);

#endif
