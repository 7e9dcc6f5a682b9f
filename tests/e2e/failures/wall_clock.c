/* Sets the wall clock of one program to another time, also while it runs: put before it with LD_PRELOAD, it adds the
   seconds that stand in the file named by WALL_CLOCK. Time since boot passes as it does. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long failed = syscall(SYS_clock_gettime, clock, now);
    const char *name = getenv("WALL_CLOCK");
    if (!failed && name && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        char text[32] = {0};
        int file = open(name, O_RDONLY);
        if (file >= 0) {
            if (read(file, text, sizeof text - 1) > 0)
                now->tv_sec += atol(text);
            close(file);
        }
    }
    return (int)failed;
}
