/* Work shared by a few threads that end with the call: nothing is left that a fork could lose or that could spin. */
#ifndef SELFVAE_THREADS_H
#define SELFVAE_THREADS_H

/* Calls work(context, worker, item) for every item; worker < threads numbers the one that does it. */
void in_parallel(int threads, int items, void (*work)(void *context, int worker, int item), void *context);

#endif
