package store

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// storeBatchWithFiles is storeBatch where some of the sends have files. They are locked first, and so are free until the
// message has them. A file that several sends name is that of the first.
const storeBatchWithFiles = inputOfBatch + `, wanted AS MATERIALIZED (
		SELECT *, row_number() OVER (PARTITION BY file_id ORDER BY n, position) AS turn
		FROM unnest($10::bigint[], $11::uuid[], $12::smallint[]) AS wanted (n, file_id, position)
	), free AS MATERIALIZED (
		SELECT * FROM files WHERE id = ANY ($11::uuid[]) AND message_id IS NULL ORDER BY id FOR UPDATE
	), given AS MATERIALIZED (
		SELECT n, count(f.id) < count(*) AS lacking, jsonb_agg(` + fileObject + ` ORDER BY w.position) AS files
		FROM wanted w JOIN input USING (n) LEFT JOIN free f ON f.id = w.file_id AND f.uploader_id = input.author_id AND w.turn = 1
		GROUP BY n
	)` + judgedBatch + `, coalesce(given.lacking, false) AS lacks_files, given.files` + judgedFrom + `
		LEFT JOIN given USING (n)` + storedBatch + `, attached AS (
		UPDATE files f SET message_id = a.id, position = w.position
		FROM placed a JOIN wanted w USING (n) WHERE a.accepted AND f.id = w.file_id
	)` + verdicts

// filesOf are what storeBatchWithFiles takes more: of each file the number of its send in the batch, its id and its place.
// It is nothing when no send has any.
func filesOf(batch []*pending) []any {
	var sends []int64
	var ids [][16]byte
	var positions []int16
	for i, p := range batch {
		for position, id := range p.FileIDs {
			sends, ids, positions = append(sends, int64(i+1)), append(ids, id), append(positions, int16(position))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []any{sends, ids, positions}
}

var errLacksFiles = invalid("file_ids", "must be files that you have uploaded, and that are in no message yet")

func (c *checker) files(ids []uuid.UUID) {
	if len(ids) > MaxFiles {
		c.wrong("file_ids", fmt.Sprintf("must be at most %d", MaxFiles))
		return
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			c.wrong("file_ids", "must name each file once")
		}
	}
}
