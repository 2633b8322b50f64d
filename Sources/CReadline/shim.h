#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <signal.h>
#include <sys/select.h>
#include <readline/readline.h>
#include <readline/history.h>

// readline is set up through global variables, which Swift 6 refuses to touch: each function here sets or reads one.

/// Characters that end a word: names of files and options of commands hold others than SQL's words do.
static inline char *creadline_word_breaks(void) {
  return (char *)(rl_line_buffer[0] == '.' ? " \t\n\"'|" : " \t\n\"\\'`@$><=;|&{(,+-*/%");
}

/// Names the program for ~/.inputrc, and sets who completes words and who reads characters.
static inline void creadline_set_up(const char *name, rl_completion_func_t *complete, rl_getc_func_t *next) {
  rl_readline_name = name;
  rl_attempted_completion_function = complete;
  rl_getc_function = next;
  rl_completion_word_break_hook = creadline_word_breaks;
  rl_sort_completion_matches = 1;
}

/// Whether there is anything on the line being typed.
static inline int creadline_has_text(void) { return rl_end > 0; }

/// The line being typed.
static inline const char *creadline_line(void) { return rl_line_buffer; }

/// Says that there is no completion besides those given, or what follows a completed word.
static inline void creadline_complete_only(int only, int append) {
  rl_attempted_completion_over = only;
  rl_completion_append_character = append;
}

/// Number of lines in the history.
static inline int creadline_history_length(void) { return history_length; }

/// The line before the next one in the history; NULL where there is none.
static inline const char *creadline_last_line(void) {
  HIST_ENTRY *entry = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
  return entry == NULL ? NULL : entry->line;
}

/// Completes with the words that `next` gives one after the other until it gives NULL.
static inline char **creadline_matches(const char *text, rl_compentry_func_t *next) {
  return rl_completion_matches(text, next);
}

/// Waits until there is something to read, with this mask while waiting; negative where a signal came first.
/// Sets of descriptors are C macros.
static inline int creadline_wait(int descriptor, const sigset_t *mask) {
  fd_set input;
  FD_ZERO(&input);
  FD_SET(descriptor, &input);
  return pselect(descriptor + 1, &input, NULL, NULL, NULL, mask);
}
