package store

// maxParticipants is how many of those who replied are kept with a message.
const maxParticipants = 50
