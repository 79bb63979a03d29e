/* Threads beside the one that calls. They stay between calls, and end 20 ms after the last: a network is followed by the
 * next one, and a thread that begins anew, on a core that went to sleep, comes a tenth of a millisecond late. */
#ifndef SELFVAE_HELPERS_H
#define SELFVAE_HELPERS_H

#define MOST_THREADS 256

/* Calls work(context, worker, workers) in this thread and in others at the same time: in as many as asked for, or as many
 * as are to be had. Worker 0 is this thread. */
void on_threads(int threads, void (*work)(void *context, int worker, int workers), void *context);

/* Lets others run, which may be what this thread waits for. */
void let_others_run(void);

#endif
