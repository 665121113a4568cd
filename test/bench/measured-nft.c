/*
 * Stands before nft in the path, runs it, and notes what it took: a line "MILLISECONDS KILOBYTES ARGUMENTS" in the file
 * `usage` beside itself. Ends as nft ended.
 */
#define _GNU_SOURCE
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int count, char **words) {
  char path[4096] = "", usage[4200];
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) return 120;
  double began = now();
  pid_t child = fork();
  if (child < 0) return 121;
  if (child == 0) {
    execv("/usr/sbin/nft", words);
    _exit(122);
  }
  int status = 0;
  struct rusage used;
  if (wait4(child, &status, 0, &used) < 0) return 123;
  snprintf(usage, sizeof usage, "%s/usage", dirname(path));
  FILE *file = fopen(usage, "a");
  if (file == NULL) return 124;
  fprintf(file, "%.1f %ld", now() - began, used.ru_maxrss);
  for (int at = 1; at < count; at++) fprintf(file, " %s", words[at]);
  fprintf(file, "\n");
  fclose(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
