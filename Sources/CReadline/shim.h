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

// readline is configured through global variables, which Swift 6 refuses to use: each function here
// sets or reads one.

/// Characters that end a word.
///
/// File names and options of commands hold others than words of SQL.
static inline char *creadline_word_breaks(void) {
  return (char *)(rl_line_buffer[0] == '.' ? " \t\n\"'|" : " \t\n\"\\'`@$><=;|&{(,+-*/%");
}

/// Names the program for ~/.inputrc, and sets the functions that complete words and read
/// characters.
static inline void creadline_set_up(const char *name, rl_completion_func_t *complete, rl_getc_func_t *next) {
  rl_readline_name = name;
  rl_attempted_completion_function = complete;
  rl_getc_function = next;
  rl_completion_word_break_hook = creadline_word_breaks;
  rl_sort_completion_matches = 1;
}

/// Whether the current line has any text.
static inline int creadline_has_text(void) { return rl_end > 0; }

/// The line being typed.
static inline const char *creadline_line(void) { return rl_line_buffer; }

/// Reports that there are no other completions, or sets the character after a completed word.
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

/// The line at this distance before the last one in the history; NULL if there is none.
static inline const char *creadline_line_from_end(int index) {
  HIST_ENTRY *entry = index < history_length ? history_get(history_base + history_length - 1 - index) : NULL;
  return entry == NULL ? NULL : entry->line;
}

/// Removes and returns the last line of the history; the caller frees it.
static inline char *creadline_take_last_line(void) {
  HIST_ENTRY *entry = history_length > 0 ? remove_history(history_length - 1) : NULL;
  char *line = entry == NULL ? NULL : entry->line;
  if (entry != NULL) {
    free(entry->timestamp);
    free(entry);
  }
  return line;
}

/// Completes with the words that `next` returns one after the other, until it returns NULL.
static inline char **creadline_matches(const char *text, rl_compentry_func_t *next) {
  return rl_completion_matches(text, next);
}

/// Waits until there is input, with this signal mask; negative if a signal came first.
///
/// Sets of descriptors are C macros.
static inline int creadline_wait(int descriptor, const sigset_t *mask) {
  fd_set input;
  FD_ZERO(&input);
  FD_SET(descriptor, &input);
  return pselect(descriptor + 1, &input, NULL, NULL, NULL, mask);
}

/// Makes readline call `redisplay` to draw the line; NULL makes it draw the line itself.
static inline void creadline_draw_with(rl_voidfunc_t *redisplay) {
  rl_redisplay_function = redisplay == NULL ? rl_redisplay : redisplay;
}

// From glibc, whose headers declare it only with _GNU_SOURCE, which Swift's Glibc lacks.
extern FILE *fopencookie(void *cookie, const char *mode, cookie_io_functions_t functions);
extern int wcwidth(wchar_t character);

/// The bytes of a text's first character, and its columns; 0 or less if it is not one.
static inline int creadline_measure(const char *text, int count, int *columns) {
  wchar_t character = 0;
  mbstate_t state = {0};
  size_t length = mbrtowc(&character, text, (size_t)count, &state);
  if (length == 0 || length > (size_t)count) return 0;
  *columns = wcwidth(character);
  return (int)length;
}

/// Makes readline write to a stream that passes all bytes to `put`; false on failure.
///
/// A stream of callbacks is a C structure of function pointers.
static inline int creadline_write_to(cookie_write_function_t *put) {
  cookie_io_functions_t functions = {.write = put};
  FILE *stream = fopencookie(NULL, "w", functions);
  if (stream == NULL) return 0;
  rl_outstream = stream;
  return 1;
}

/// Flushes what readline has written.
static inline void creadline_flush(void) {
  if (rl_outstream != NULL) fflush(rl_outstream);
}

/// The current prompt, also that of a search or a count.
static inline const char *creadline_prompt(void) { return rl_display_prompt == NULL ? "" : rl_display_prompt; }

/// The length of the current line, and the cursor's position in it.
static inline int creadline_length(void) { return rl_end; }
static inline int creadline_point(void) { return rl_point; }

/// The other end of the selected text besides the cursor; -1 if nothing is selected.
static inline int creadline_selection(void) { return rl_mark_active_p() ? rl_mark : -1; }

/// Whether readline waits for a key that begins a command, with the cursor in the line.
static inline int creadline_is_at_rest(void) {
  return RL_ISSTATE(RL_STATE_READCMD) && !RL_ISSTATE(RL_STATE_MOREINPUT | RL_STATE_METANEXT | RL_STATE_COMPLETING);
}

/// Discards the current line: the next prompt begins below it. readline would move up by the line's
/// rows, because it loses its position when a signal comes.
static inline void creadline_abandon(void) {
  rl_crlf();
  rl_replace_line("", 0);
  rl_erase_empty_line = 1;
  fflush(rl_outstream);
}

/// Shows selected text, such as the last paste, like the rest of the line.
static inline void creadline_deselect(void) {
  if (!rl_mark_active_p()) return;
  rl_deactivate_mark();
  rl_redisplay_function();
}

/// Ends an empty line in the usual way.
static inline void creadline_begin(void) { rl_erase_empty_line = 0; }

/// Whether the current line is a search in the history.
static inline int creadline_is_searching(void) { return RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH) != 0; }

// readline's own variables for the cursor's position, which not every build exports.
extern int _rl_last_v_pos __attribute__((weak));
extern int _rl_last_c_pos __attribute__((weak));

/// Whether readline's cursor is here, or unknown.
static inline int creadline_agrees(int row, int column) {
  return (&_rl_last_v_pos == NULL || _rl_last_v_pos == row) && (&_rl_last_c_pos == NULL || _rl_last_c_pos == column);
}

/// The terminal's number of colours; negative if unknown.
///
/// Call it after readline's set-up.
static inline int creadline_colours(void) {
  // readline depends on this library.
  int (*number)(const char *) = (int (*)(const char *))dlsym(NULL, "tgetnum");
  return number == NULL ? -1 : number("Co");
}
