#include "CSQLiteFiles.h"

bool csqlite_zone_fails;
_Thread_local struct csqlite_surroundings csqlite_surroundings_here;
