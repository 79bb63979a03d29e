#include "threads.h"

#define MOST 256

typedef struct {
    void (*work)(void *, int, int);
    void *context;
    volatile long next;
    int items;
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
#define NOTHING 0
static int started(Thread *thread, LPTHREAD_START_ROUTINE run, void *argument) {
    *thread = CreateThread(NULL, 0, run, argument, 0, NULL);
    return *thread != NULL;
}
static void joined(Thread thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}
#else
#include <pthread.h>
typedef pthread_t Thread;
#define NEXT(job) __sync_fetch_and_add(&(job)->next, 1)
#define RETURNS void *
#define NOTHING 0
static int started(Thread *thread, void *(*run)(void *), void *argument) {
    return pthread_create(thread, 0, run, argument) == 0;
}
static void joined(Thread thread) { pthread_join(thread, 0); }
#endif

static RETURNS take_items(void *argument) {
    Worker *worker = argument;
    Job *job = worker->job;
    for (long item = NEXT(job); item < job->items; item = NEXT(job)) job->work(job->context, worker->number, (int)item);
    return NOTHING;
}

void in_parallel(int threads, int items, void (*work)(void *, int, int), void *context) {
    Job job = {work, context, 0, items};
    Worker workers[MOST];
    Thread handles[MOST];
    int count = 1;
    if (threads > items) threads = items;
    if (threads > MOST) threads = MOST;
    workers[0].job = &job, workers[0].number = 0;
    for (; count < threads; count++) { /* where no more threads are to be had, the others do the work */
        workers[count].job = &job, workers[count].number = count;
        if (!started(&handles[count], take_items, &workers[count])) break;
    }
    take_items(&workers[0]);
    while (--count > 0) joined(handles[count]);
}
