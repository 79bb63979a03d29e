#include "threads.h"

typedef struct {
    void (*work)(void *, int, int);
    void *context;
    volatile long next;
    int items;
    Step workers; /* of those that go in step, once it is known */
} Job;

typedef struct {
    Job *job;
    int number;
} Worker;

#ifdef _WIN32
#include <windows.h>
typedef HANDLE Thread;
#define NEXT(job) (InterlockedIncrement(&(job)->next) - 1)
#define RETURNS DWORD WINAPI
#define THREAD LPTHREAD_START_ROUTINE
#define NOTHING 0
static int started(Thread *thread, THREAD run, void *argument) {
    *thread = CreateThread(NULL, 0, run, argument, 0, NULL);
    return *thread != NULL;
}
static void joined(Thread thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}
static void let_others_run(void) { SwitchToThread(); }
void say_step(Step *step, long value) { InterlockedExchange(step, value); }
static long step_of(Step *step) { return InterlockedCompareExchange(step, 0, 0); }
#else
#include <pthread.h>
#include <sched.h>
typedef pthread_t Thread;
#define NEXT(job) __sync_fetch_and_add(&(job)->next, 1)
#define RETURNS void *
#define NOTHING 0
typedef void *(*THREAD)(void *);
static int started(Thread *thread, THREAD run, void *argument) {
    return pthread_create(thread, 0, run, argument) == 0;
}
static void joined(Thread thread) { pthread_join(thread, 0); }
static void let_others_run(void) { sched_yield(); }
void say_step(Step *step, long value) { __atomic_store_n(step, value, __ATOMIC_RELEASE); }
static long step_of(Step *step) { return __atomic_load_n(step, __ATOMIC_ACQUIRE); }
#endif

#define TRIES 4096 /* about as long as it takes another thread to come so far, where each has a core */

void wait_for_step(Step *step, long value) {
    for (int tries = 0; step_of(step) != value; tries++)
        if (tries > TRIES) let_others_run();
}

static RETURNS take_items(void *argument) {
    Worker *worker = argument;
    Job *job = worker->job;
    for (long item = NEXT(job); item < job->items; item = NEXT(job)) job->work(job->context, worker->number, (int)item);
    return NOTHING;
}

static RETURNS go_in_step(void *argument) {
    Worker *worker = argument;
    Job *job = worker->job;
    while (step_of(&job->workers) == 0) let_others_run();
    job->work(job->context, worker->number, (int)step_of(&job->workers));
    return NOTHING;
}

static void on_threads(Job *job, int threads, THREAD run) {
    Worker workers[MOST_THREADS];
    Thread handles[MOST_THREADS];
    int count = 1;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    workers[0].job = job, workers[0].number = 0;
    for (; count < threads; count++) { /* where no more threads are to be had, the others do the work */
        workers[count].job = job, workers[count].number = count;
        if (!started(&handles[count], run, &workers[count])) break;
    }
    say_step(&job->workers, count);
    run(&workers[0]);
    while (--count > 0) joined(handles[count]);
}

void in_parallel(int threads, int items, void (*work)(void *, int, int), void *context) {
    Job job = {work, context, 0, items, 0};
    on_threads(&job, threads < items ? threads : items, take_items);
}

void in_step(int threads, void (*work)(void *, int, int), void *context) {
    Job job = {work, context, 0, 0, 0};
    on_threads(&job, threads, go_in_step);
}
