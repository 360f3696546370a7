/* One process: a thread that serves four connections, and four threads that make them. */
#include "../job.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#define CLIENTS 4
#define QUESTION 1000
#define ANSWER 2000

static struct sockaddr_in address = {.sin_family = AF_INET};
static int listener;

static void receive(int fd, size_t length)
{
    char buffer[4096];
    while (length > 0) {
        ssize_t count = recv(fd, buffer, length < sizeof buffer ? length : sizeof buffer, 0);
        CHECK(count > 0);
        length -= count;
    }
}

static void *serve(void *unused)
{
    (void)unused;
    for (int i = 0; i < CLIENTS; i++) {
        char answer[ANSWER] = {0};
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(fd >= 0);
        receive(fd, QUESTION);
        CHECK(send(fd, answer, sizeof answer, 0) == ANSWER);
        CHECK(close(fd) == 0);
    }
    return NULL;
}

static void *ask(void *unused)
{
    (void)unused;
    char question[QUESTION] = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(send(fd, question, sizeof question, 0) == QUESTION);
    receive(fd, ANSWER);
    CHECK(close(fd) == 0);
    return NULL;
}

int main(void)
{
    pthread_t server, clients[CLIENTS];
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listener >= 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    CHECK(listen(listener, CLIENTS) == 0);
    CHECK(pthread_create(&server, NULL, serve, NULL) == 0);
    for (int i = 0; i < CLIENTS; i++)
        CHECK(pthread_create(&clients[i], NULL, ask, NULL) == 0);
    for (int i = 0; i < CLIENTS; i++)
        CHECK(pthread_join(clients[i], NULL) == 0);
    CHECK(pthread_join(server, NULL) == 0);
    CHECK(close(listener) == 0);
    return 0;
}
