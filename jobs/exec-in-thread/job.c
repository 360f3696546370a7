/* A thread that is not the leader calls exec: the others end, and it takes the number of the leader. */
#include "../job.h"
#include <pthread.h>

static char *self;
static pthread_barrier_t started;

static void *sleep_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void *become(void *unused)
{
    (void)unused;
    /* Only after the leader knows of all threads. */
    pthread_barrier_wait(&started);
    execl(self, self, "after", (char *)NULL);
    CHECK(0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        CHECK(out >= 0 && write(out, "after", 5) == 5);
        return 7;
    }
    pthread_t thread;
    self = argv[0];
    CHECK(pthread_barrier_init(&started, NULL, 2) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, become, NULL) == 0);
    pthread_barrier_wait(&started);
    sleep_for_ever(NULL);
}
