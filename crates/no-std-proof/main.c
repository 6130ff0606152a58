/* Calls the proof from C, the way firmware would, and prints what it says. */
#include <stdio.h>

int bulla_no_std_proof(void);

/* The compiled `core` that is linked in was made for unwinding and names this; with panic=abort nothing calls it. */
void rust_eh_personality(void) {}

int main(void) {
    int heap = bulla_no_std_proof();
    if (heap < 0) {
        printf("no_std handshake failed at step %d\n", -heap);
        return 1;
    }
    printf("no_std handshake done; it allocated %d bytes in all\n", heap);
    return 0;
}
