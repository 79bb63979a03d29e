#include "helpers.h"

#include <stdint.h>
#include <stdlib.h>

typedef struct {
    void (*work)(void *, int, int);
    void *context;
    int workers;
    volatile long busy; /* helpers that are not done */
} Job;

#ifdef _WIN32
#include <windows.h>

typedef struct {
    Job *job;
    int worker;
    HANDLE thread;
} Helper;

static DWORD WINAPI help(void *argument) {
    const Helper *helper = argument;
    helper->job->work(helper->job->context, helper->worker, helper->job->workers);
    return 0;
}

/* Threads of one call each: they are begun asleep, since the work must know how many there are. */
void on_threads(int threads, void (*work)(void *, int, int), void *context) {
    Helper helpers[MOST_THREADS];
    Job job = {work, context, 1, 0};
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    for (; job.workers < threads; job.workers++) {
        Helper *helper = &helpers[job.workers];
        helper->job = &job, helper->worker = job.workers;
        helper->thread = CreateThread(NULL, 0, help, helper, CREATE_SUSPENDED, NULL);
        if (!helper->thread) break;
    }
    for (int worker = 1; worker < job.workers; worker++) ResumeThread(helpers[worker].thread);
    work(context, 0, job.workers);
    for (int worker = 1; worker < job.workers; worker++) {
        WaitForSingleObject(helpers[worker].thread, INFINITE);
        CloseHandle(helpers[worker].thread);
    }
}

void let_others_run(void) { SwitchToThread(); }

#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#define AWAKE 300000  /* ns for which whoever waits looks for itself, and lets others run, before it sleeps */
#define IDLE 20000000 /* ns of sleep after which a helper ends: soon, so that processes that fork have one thread again */

typedef struct Helper Helper;
struct Helper {
    Job *job; /* NULL: none yet */
    int worker, asleep;
    pthread_cond_t called;
    Helper *next; /* of those that have nothing to do */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list, and of who sleeps */
static Helper *idle;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER; /* a job is, while its caller sleeps */

void let_others_run(void) { sched_yield(); }

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until_called(Helper *helper) {
    const int64_t end = nanoseconds(CLOCK_REALTIME) + IDLE;
    const struct timespec until = {end / 1000000000, end % 1000000000};
    pthread_mutex_lock(&lock);
    helper->asleep = 1;
    while (!helper->job && pthread_cond_timedwait(&helper->called, &lock, &until) == 0);
    helper->asleep = 0;
    if (!helper->job)
        for (Helper **at = &idle; *at; at = &(*at)->next)
            if (*at == helper) {
                *at = helper->next;
                break;
            }
    pthread_mutex_unlock(&lock);
}

static Job *next_job(Helper *helper) {
    const int64_t end = nanoseconds(CLOCK_MONOTONIC) + AWAKE;
    Job *job;
    while (!(job = __atomic_load_n(&helper->job, __ATOMIC_ACQUIRE)) && nanoseconds(CLOCK_MONOTONIC) < end) sched_yield();
    if (!job) sleep_until_called(helper), job = helper->job;
    return job;
}

static void *help(void *argument) {
    Helper *helper = argument;
    for (Job *job; (job = next_job(helper));) {
        job->work(job->context, helper->worker, job->workers);
        pthread_mutex_lock(&lock);
        helper->job = NULL;
        helper->next = idle, idle = helper;
        if (__atomic_sub_fetch(&job->busy, 1, __ATOMIC_RELEASE) == 0) pthread_cond_broadcast(&done);
        pthread_mutex_unlock(&lock);
    }
    pthread_cond_destroy(&helper->called);
    free(helper);
    return 0;
}

/* One that has nothing to do, or a new one, which waits. NULL where no more are to be had. */
static Helper *helper_of(pthread_attr_t *attributes) {
    pthread_t thread;
    Helper *helper = idle;
    if (helper) {
        idle = helper->next;
        return helper;
    }
    helper = calloc(1, sizeof *helper);
    if (!helper) return 0;
    pthread_cond_init(&helper->called, 0);
    if (pthread_create(&thread, attributes, help, helper) == 0) return helper;
    pthread_cond_destroy(&helper->called);
    free(helper);
    return 0;
}

/* The lock is held. Signals are left to the process's own threads. */
static int helpers_of(int wanted, Helper **helpers) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int count = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (count < wanted && (helpers[count] = helper_of(&attributes))) count++;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    return count;
}

/* A process that forks takes none along. */
static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }
static void in_child(void) {
    idle = 0;
    pthread_cond_init(&done, 0); /* those who waited are not here */
    after_fork();
}
static void mind_forks(void) { pthread_atfork(before_fork, after_fork, in_child); }

void on_threads(int threads, void (*work)(void *, int, int), void *context) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    Helper *helpers[MOST_THREADS];
    Job job = {work, context, 1, 0};
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (threads > 1) {
        pthread_once(&once, mind_forks);
        pthread_mutex_lock(&lock);
        job.busy = helpers_of(threads - 1, helpers);
        job.workers += (int)job.busy;
        for (int worker = 1; worker < job.workers; worker++) {
            Helper *helper = helpers[worker - 1];
            helper->worker = worker;
            __atomic_store_n(&helper->job, &job, __ATOMIC_RELEASE);
            if (helper->asleep) pthread_cond_signal(&helper->called);
        }
        pthread_mutex_unlock(&lock);
    }
    work(context, 0, job.workers);
    if (job.workers == 1) return;
    const int64_t end = nanoseconds(CLOCK_MONOTONIC) + AWAKE;
    while (__atomic_load_n(&job.busy, __ATOMIC_ACQUIRE) && nanoseconds(CLOCK_MONOTONIC) < end) sched_yield();
    pthread_mutex_lock(&lock); /* none of them looks at the job any more */
    while (job.busy) pthread_cond_wait(&done, &lock);
    pthread_mutex_unlock(&lock);
}
#endif
