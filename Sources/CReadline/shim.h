#pragma once
#include <dlfcn.h>
#include <stdio.h>
#include <wchar.h>
#include <bits/types/cookie_io_functions_t.h>
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

/// The line before the next one in the history; NULL if there is none.
static inline const char *creadline_last_line(void) {
  HIST_ENTRY *entry = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
  return entry == NULL ? NULL : entry->line;
}

/// The line so many before the last one in the history; NULL if there is none.
static inline const char *creadline_line_from_end(int index) {
  HIST_ENTRY *entry = index < history_length ? history_get(history_base + history_length - 1 - index) : NULL;
  return entry == NULL ? NULL : entry->line;
}

/// Takes the last line out of the history; to be freed.
static inline char *creadline_take_last_line(void) {
  HIST_ENTRY *entry = history_length > 0 ? remove_history(history_length - 1) : NULL;
  char *line = entry == NULL ? NULL : entry->line;
  if (entry != NULL) {
    free(entry->timestamp);
    free(entry);
  }
  return line;
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

/// Has readline ask `redisplay` to draw the line, or draw it itself if that is NULL.
static inline void creadline_draw_with(rl_voidfunc_t *redisplay) {
  rl_redisplay_function = redisplay == NULL ? rl_redisplay : redisplay;
}

// glibc's; its headers show them only with _GNU_SOURCE, which Swift's own view of glibc does not have.
extern FILE *fopencookie(void *cookie, const char *mode, cookie_io_functions_t functions);
extern int wcwidth(wchar_t character);

/// Bytes of the first character of a text, and the columns it takes; 0 or less, or negative, if it is none.
static inline int creadline_measure(const char *text, int count, int *columns) {
  wchar_t character = 0;
  mbstate_t state = {0};
  size_t length = mbrtowc(&character, text, (size_t)count, &state);
  if (length == 0 || length > (size_t)count) return 0;
  *columns = wcwidth(character);
  return (int)length;
}

/// Has readline write to a stream that hands all bytes to `put`; false if there can be none.
/// A stream of callbacks is a C structure of function pointers.
static inline int creadline_write_to(cookie_write_function_t *put) {
  cookie_io_functions_t functions = {.write = put};
  FILE *stream = fopencookie(NULL, "w", functions);
  if (stream == NULL) return 0;
  rl_outstream = stream;
  return 1;
}

/// Writes out what readline has written.
static inline void creadline_flush(void) {
  if (rl_outstream != NULL) fflush(rl_outstream);
}

/// The prompt that is shown just now, a search's or a count's too.
static inline const char *creadline_prompt(void) { return rl_display_prompt == NULL ? "" : rl_display_prompt; }

/// Length of the line being typed, and the place of the cursor in it.
static inline int creadline_length(void) { return rl_end; }
static inline int creadline_point(void) { return rl_point; }

/// Where the selected text begins or ends besides the cursor; -1 if nothing is selected.
static inline int creadline_selection(void) { return rl_mark_active_p() ? rl_mark : -1; }

/// Whether a key is waited for that begins a command, with the cursor in the line.
static inline int creadline_is_at_rest(void) {
  return RL_ISSTATE(RL_STATE_READCMD) && !RL_ISSTATE(RL_STATE_MOREINPUT | RL_STATE_METANEXT | RL_STATE_COMPLETING);
}

/// Gives up the line being typed: the next prompt begins below it. readline would go back as many rows as the line has,
/// for it forgets if it is when a signal comes.
static inline void creadline_abandon(void) {
  rl_crlf();
  rl_replace_line("", 0);
  rl_erase_empty_line = 1;
  fflush(rl_outstream);
}

/// Shows what is selected, such as what was pasted last, like the rest of the line.
static inline void creadline_deselect(void) {
  if (!rl_mark_active_p()) return;
  rl_deactivate_mark();
  rl_redisplay_function();
}

/// Ends an empty line as ever again.
static inline void creadline_begin(void) { rl_erase_empty_line = 0; }

/// Whether the line being typed is a search in the history.
static inline int creadline_is_searching(void) { return RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH) != 0; }

// Where readline believes the cursor to be: its own variables, which not every build shows.
extern int _rl_last_v_pos __attribute__((weak));
extern int _rl_last_c_pos __attribute__((weak));

/// Whether readline believes the cursor to be here, or does not say.
static inline int creadline_agrees(int row, int column) {
  return (&_rl_last_v_pos == NULL || _rl_last_v_pos == row) && (&_rl_last_c_pos == NULL || _rl_last_c_pos == column);
}

/// Colours that the terminal has; negative if that is not known. To be called once readline is set up.
static inline int creadline_colours(void) {
  // readline brings this library along.
  int (*number)(const char *) = (int (*)(const char *))dlsym(NULL, "tgetnum");
  return number == NULL ? -1 : number("Co");
}
